import { virtualMachineMembers } from './virtual-machine-members.ts';

/** A type of the entity data model; those that begin with VMM are complex. */
export type EdmType =
  | 'Edm.String'
  | 'Edm.Guid'
  | 'Edm.Boolean'
  | 'Edm.Int32'
  | 'Edm.Int64'
  | 'Edm.DateTime'
  | `VMM.${string}`
  | `Collection(VMM.${string})`;

/** An entity type with its set. Every key is ID and StampId. */
export interface EntityType {
  name: string;
  set: SetName;
  properties: Readonly<Record<string, EdmType>>;
  /** Members that `odata.mediaContentType` is told of: the entity is a media entry as well. */
  media?: { member: string; contentType: string };
}

/** The sets that are simulated. */
export type SetName = 'VMCheckPoints' | 'VirtualMachines' | 'Jobs' | 'Clouds';

/** An entity or a complex value, member by member; times and 64-bit numbers are strings already. */
export type Members = Readonly<Record<string, unknown>>;

const errorInfo: Readonly<Record<string, EdmType>> = {
  CloudProblem: 'Edm.String',
  Code: 'Edm.String',
  DetailedCode: 'Edm.Int32',
  DetailedErrorCode: 'Edm.String',
  DetailedSource: 'Edm.String',
  DisplayableErrorCode: 'Edm.String',
  ErrorCodeString: 'Edm.String',
  ErrorType: 'Edm.String',
  ExceptionDetails: 'Edm.String',
  IsConditionallyTerminating: 'Edm.Boolean',
  IsDeploymentBlocker: 'Edm.Boolean',
  IsMomAlert: 'Edm.Boolean',
  IsSuccess: 'Edm.Boolean',
  IsTerminating: 'Edm.Boolean',
  MessageParameters: 'Edm.String',
  MomAlertSeverity: 'Edm.String',
  Problem: 'Edm.String',
  RecommendedAction: 'Edm.String',
  RecommendedActionCLI: 'Edm.String',
  ShowDetailedError: 'Edm.Boolean',
};

/** The complex types that have members here. */
export const complexTypes: Readonly<Record<string, Readonly<Record<string, EdmType>>>> = {
  'VMM.ErrorInfo': errorInfo,
  'VMM.UserAndRole': { RoleID: 'Edm.Guid', RoleName: 'Edm.String', UserName: 'Edm.String' },
  'VMM.JobDescription': {
    CanSkipLastFailedStep: 'Edm.Boolean',
    Code: 'Edm.String',
    DescriptionCodeString: 'Edm.String',
    IsRestartable: 'Edm.Boolean',
    IsStoppable: 'Edm.Boolean',
    Name: 'Edm.String',
    RequiresCredentialsForRestart: 'Edm.Boolean',
  },
};

/** The entity types by their sets. */
export const entityTypes: Readonly<Record<SetName, EntityType>> = {
  VMCheckPoints: {
    name: 'VMM.VMCheckPoint',
    set: 'VMCheckPoints',
    properties: {
      Accessibility: 'Edm.String',
      AddedTime: 'Edm.DateTime',
      CheckpointID: 'Edm.Guid',
      Confirm: 'Edm.Boolean',
      Description: 'Edm.String',
      Enabled: 'Edm.Boolean',
      ID: 'Edm.Guid',
      ModifiedTime: 'Edm.DateTime',
      Name: 'Edm.String',
      ParentCheckpointID: 'Edm.Guid',
      RunAsynchronously: 'Edm.Boolean',
      StampId: 'Edm.Guid',
      VMCheckPointAction: 'Edm.String',
      VMId: 'Edm.Guid',
    },
  },
  VirtualMachines: {
    name: 'VMM.VirtualMachine',
    set: 'VirtualMachines',
    properties: Object.fromEntries(
      Object.entries(virtualMachineMembers).map(([name, [type]]) => [name, type]),
    ),
    media: { member: 'VMConnection', contentType: 'application/x-rdp' },
  },
  Jobs: {
    name: 'VMM.Job',
    set: 'Jobs',
    properties: {
      AdditionalMessages: 'Collection(VMM.ErrorInfo)',
      AreAuditRecordsAvailable: 'Edm.Boolean',
      CmdletName: 'Edm.String',
      CurrentStepId: 'Edm.Guid',
      Description: 'VMM.JobDescription',
      EndTime: 'Edm.DateTime',
      ErrorInfo: 'VMM.ErrorInfo',
      ID: 'Edm.Guid',
      IsCompleted: 'Edm.Boolean',
      IsRestartable: 'Edm.Boolean',
      IsStoppable: 'Edm.Boolean',
      IsVisible: 'Edm.Boolean',
      Name: 'Edm.String',
      Owner: 'Edm.String',
      OwnerSID: 'Edm.String',
      PROTipID: 'Edm.Guid',
      Password: 'Edm.String',
      Progress: 'Edm.String',
      ProgressValue: 'Edm.Int32',
      ResultName: 'Edm.String',
      ResultObjectID: 'Edm.Guid',
      ResultObjectType: 'Edm.String',
      ResultObjectTypeName: 'Edm.String',
      RootStepId: 'Edm.Guid',
      SkipLastFailedStep: 'Edm.Boolean',
      Source: 'Edm.String',
      StampId: 'Edm.Guid',
      StartTime: 'Edm.DateTime',
      Status: 'Edm.String',
      StatusString: 'Edm.String',
      StepsLoaded: 'Edm.Boolean',
      Target: 'Edm.String',
      TargetObjectID: 'Edm.Guid',
      TargetObjectType: 'Edm.String',
      UserName: 'Edm.String',
      WasNotifiedOfCancel: 'Edm.Boolean',
    },
  },
  Clouds: {
    name: 'VMM.Cloud',
    set: 'Clouds',
    properties: {
      Description: 'Edm.String',
      ID: 'Edm.Guid',
      LastModifiedDate: 'Edm.DateTime',
      Name: 'Edm.String',
      ShieldedVMSupportPolicy: 'Edm.String',
      StampId: 'Edm.Guid',
      UserRoleID: 'Edm.Guid',
      WritableLibraryPath: 'Edm.String',
    },
  },
};
