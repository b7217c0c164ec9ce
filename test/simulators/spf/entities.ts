import { percentOf } from './jobs.ts';
import { complexTypes, type Members } from './model.ts';
import { type Checkpoint, type Cloud, type Job, statusOf, type Vm, type World } from './state.ts';
import { virtualMachineMembers } from './virtual-machine-members.ts';

/** How exactly a time is written: as the server just made it, or as its database has kept it. */
export type TimePrecision = 'fresh' | 'stored';

/**
 * A time as SPF writes it: local with its offset, a fraction without trailing zeros; seven digits in the answer to a
 * create, the three of SQL Server's datetime (thirds of a hundredth) later (SPF sheet, section 9).
 */
export function odataTime(milliseconds: number, offsetMinutes: number, precision: TimePrecision): string {
  const kept = precision === 'fresh' ? milliseconds : Math.round(Math.round(milliseconds * 0.3) / 0.3);
  const local = new Date(kept + offsetMinutes * 60_000).toISOString();
  // The clock has no more than milliseconds; the other digits stand for what a real server would have.
  const fraction = precision === 'fresh' ? `${local.slice(20, 23)}5917` : local.slice(20, 23);
  const trimmed = fraction.replace(/0+$/, '');
  const sign = offsetMinutes < 0 ? '-' : '+';
  const offset = Math.abs(offsetMinutes);
  const hours = String(Math.floor(offset / 60)).padStart(2, '0');
  const minutes = String(offset % 60).padStart(2, '0');
  return `${local.slice(0, 19)}${trimmed === '' ? '' : `.${trimmed}`}${sign}${hours}:${minutes}`;
}

/** A checkpoint as it is answered. */
export function checkpointMembers(
  world: World,
  checkpoint: Checkpoint,
  precision: TimePrecision = 'stored',
): Members {
  const { utcOffsetMinutes } = world.behaviour;
  return {
    Accessibility: 'Public',
    AddedTime: odataTime(checkpoint.addedTime, utcOffsetMinutes, precision),
    CheckpointID: checkpoint.checkpointId ?? null,
    Confirm: null,
    Description: checkpoint.description,
    Enabled: checkpoint.enabled,
    ID: checkpoint.id,
    ModifiedTime: odataTime(checkpoint.modifiedTime, utcOffsetMinutes, precision),
    Name: checkpoint.name,
    ParentCheckpointID: checkpoint.parent?.checkpointId ?? null,
    RunAsynchronously: null,
    StampId: checkpoint.stampId,
    VMCheckPointAction: null,
    VMId: checkpoint.vm.id,
  };
}

/** A virtual machine as it is answered. */
export function vmMembers(world: World, vm: Vm): Members {
  const { utcOffsetMinutes } = world.behaviour;
  const status = statusOf(vm);
  const defaults = Object.fromEntries(
    Object.entries(virtualMachineMembers).map(([name, [, value]]) => [name, value]),
  );
  return {
    ...defaults,
    AddedTime: odataTime(vm.addedTime, utcOffsetMinutes, 'stored'),
    ComputerName: vm.name,
    CreationSource: '',
    CreationTime: odataTime(vm.addedTime, utcOffsetMinutes, 'stored'),
    DeploymentErrorInfo: noError(null),
    Description: '',
    Enabled: vm.enabled,
    FailedJobID: vm.failedJobId ?? null,
    HasPassthroughDisk: vm.hasPassthroughDisk,
    HasSavedState: vm.power === 'Saved',
    HasVMAdditions: vm.hasVmAdditions,
    ID: vm.id,
    IsUndergoingLiveMigration: vm.migrating,
    // Where nothing was ever restored it is the VM's own id at the hypervisor (SPF sheet, section 6).
    LastRestoredCheckpointId: vm.lastRestoredCheckpointId ?? vm.hypervisorId,
    MarkedAsTemplate: vm.template,
    ModifiedTime: odataTime(vm.modifiedTime, utcOffsetMinutes, 'stored'),
    MostRecentTaskId: vm.mostRecentTaskId ?? null,
    Name: vm.name,
    OperatingSystem: '64-bit edition of Windows Server 2016 Standard',
    Owner: {
      RoleID: vm.ownerRole ?? null,
      RoleName: vm.ownerRole === undefined ? 'Administrator' : `${vm.ownerName}_${vm.ownerRole}`,
      UserName: vm.ownerName,
    },
    StampId: vm.stampId,
    Status: status,
    StatusString: displayText(status),
    VMId: vm.hypervisorId,
    VirtualMachineState: vm.power,
  };
}

/** A job as it is answered. */
export function jobMembers(world: World, job: Job): Members {
  const { utcOffsetMinutes } = world.behaviour;
  const percent = percentOf(world, job);
  const warnings = job.warning === undefined ? [] : [errorInfo(job.warning, 'Warning')];
  return {
    AdditionalMessages: warnings,
    AreAuditRecordsAvailable: false,
    CmdletName: job.cmdlet,
    CurrentStepId: null,
    Description: {
      CanSkipLastFailedStep: false,
      Code: job.cmdlet.replace('-', ''),
      DescriptionCodeString: '90',
      IsRestartable: false,
      IsStoppable: false,
      Name: job.name,
      RequiresCredentialsForRestart: false,
    },
    EndTime: job.endTime === undefined ? null : odataTime(job.endTime, utcOffsetMinutes, 'stored'),
    ErrorInfo: job.error === undefined ? noError('') : errorInfo(job.error, 'Error'),
    ID: job.id,
    IsCompleted: job.status !== 'Running',
    IsRestartable: false,
    IsStoppable: false,
    IsVisible: true,
    Name: job.name,
    Owner: job.owner,
    OwnerSID: null,
    PROTipID: null,
    Password: null,
    Progress: `${percent} %`,
    ProgressValue: percent,
    ResultName: job.vm.name,
    ResultObjectID: job.resultId,
    ResultObjectType: job.resultType,
    ResultObjectTypeName: job.resultType === 'VM' ? 'Virtual Machine' : 'Checkpoint',
    RootStepId: null,
    SkipLastFailedStep: null,
    Source: '',
    StampId: job.stampId,
    StartTime: odataTime(job.startTime, utcOffsetMinutes, 'stored'),
    Status: job.status,
    StatusString: job.status === 'SucceedWithInfo' ? 'Completed w/ Info' : job.status,
    StepsLoaded: false,
    Target: job.vm.name,
    TargetObjectID: job.vm.id,
    TargetObjectType: 'VM',
    UserName: null,
    WasNotifiedOfCancel: job.status === 'Canceled',
  };
}

/** A cloud as it is answered. */
export function cloudMembers(cloud: Cloud): Members {
  return {
    Description: cloud.description,
    ID: cloud.id,
    LastModifiedDate: null,
    Name: cloud.name,
    ShieldedVMSupportPolicy: 'ShieldedVMNotSupported',
    StampId: cloud.stampId,
    UserRoleID: null,
    WritableLibraryPath: `\\\\vmm.contoso.example\\MSSCVMMLibrary\\${cloud.name}_Cloud\\`,
  };
}

/** ErrorInfo of what went well; null in every member where there is no job at all. */
function noError(text: '' | null): Members {
  if (text === null) {
    return Object.fromEntries(Object.keys(complexTypes['VMM.ErrorInfo'] ?? {}).map((name) => [name, null]));
  }
  const problem = { code: 'Success', displayableErrorCode: '0', problem: '', recommendedAction: '' };
  return { ...errorInfo(problem, 'Error'), IsSuccess: true, ExceptionDetails: '' };
}

function errorInfo(
  problem: { code: string; displayableErrorCode: string; problem: string; recommendedAction: string },
  errorType: 'Error' | 'Warning',
): Members {
  return {
    CloudProblem: '',
    Code: problem.code,
    DetailedCode: 0,
    DetailedErrorCode: '',
    DetailedSource: 'None',
    DisplayableErrorCode: problem.displayableErrorCode,
    ErrorCodeString: problem.displayableErrorCode,
    ErrorType: errorType,
    ExceptionDetails: null,
    IsConditionallyTerminating: false,
    IsDeploymentBlocker: false,
    IsMomAlert: false,
    IsSuccess: false,
    IsTerminating: false,
    MessageParameters: 'System.Collections.Generic.Dictionary`2[System.String,System.String]',
    MomAlertSeverity: 'Error',
    Problem: problem.problem,
    RecommendedAction: problem.recommendedAction,
    RecommendedActionCLI: problem.recommendedAction,
    ShowDetailedError: false,
  };
}

/** Text for people, which a client must not branch on. */
function displayText(status: string): string {
  if (status === 'PowerOff') return 'Stopped';
  const words = status.replace(/(?<=[a-z])(?=[A-Z])/g, ' ');
  return /ing/.test(status) && status !== 'Running' ? `${words}...` : words;
}
